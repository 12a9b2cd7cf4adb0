console.log('ticks');
setInterval(() => {}, 1_000);
