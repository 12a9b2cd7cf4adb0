# run Rails.application
run ->(_env) { [200, { 'content-type' => 'text/html' }, ['<title>Rack</title><h1>Hello from Rack</h1>']] }
