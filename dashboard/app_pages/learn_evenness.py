"""evenness"""

from dashboard.learn import evenness, page

page.show(evenness.LESSON)
