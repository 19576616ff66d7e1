"""households"""

from dashboard.learn import households, page

page.show(households.LESSON)
