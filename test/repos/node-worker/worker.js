let ticks = 0;
setTimeout(() => {
  console.log('worker ready');
  setInterval(() => console.log(`tick ${++ticks}`), 200);
}, 2_000);
