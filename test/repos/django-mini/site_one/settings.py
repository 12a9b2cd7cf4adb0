import os

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only-for-development")
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "site_one.urls"
WSGI_APPLICATION = "site_one.wsgi.application"
INSTALLED_APPS = []
MIDDLEWARE = []
DATABASES = {}
