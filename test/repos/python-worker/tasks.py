from celery import Celery

queue = Celery("tasks", broker="redis://localhost:6379/0")


@queue.task
def add(a, b):
    return a + b
