from django.http import HttpResponse
from django.urls import path


def home(request):
    return HttpResponse("<title>Django</title><h1>Hello from Django</h1>")


urlpatterns = [path("", home)]
