package controllers

class HomeController
