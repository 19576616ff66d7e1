"""gate"""

from dashboard.learn import gate, page

page.show(gate.LESSON)
