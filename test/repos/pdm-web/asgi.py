from web.core import application
