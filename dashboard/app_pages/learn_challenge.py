"""challenge"""

from dashboard.learn import challenge, page

page.show(challenge.LESSON)
