let ticks = 0;
console.log('worker ready');
setInterval(() => console.log(`tick ${++ticks}`), 200);
