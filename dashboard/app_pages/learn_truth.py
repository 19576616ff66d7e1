"""truth"""

from dashboard.learn import truth, page

page.show(truth.LESSON)
