"""network"""

from dashboard.learn import network, page

page.show(network.LESSON)
