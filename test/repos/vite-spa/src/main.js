document.querySelector('#app').innerHTML = '<h1>Hello from Vite</h1>';
