console.log('waits for work');
setInterval(() => {}, 1_000);
