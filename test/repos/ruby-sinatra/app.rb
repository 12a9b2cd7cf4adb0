# require 'rails'
require 'sinatra'

get '/' do
  '<!doctype html><title>Sinatra</title><h1>Hello from Sinatra</h1>'
end

get '/ping' do
  'pong'
end
