<!doctype html>
<title>PHP</title>
<h1><?php echo 'Hello from PHP'; ?></h1>
