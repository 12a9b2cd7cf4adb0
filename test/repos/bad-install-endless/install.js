// Never ends, and says something now and then.
setInterval(() => console.log('still at it'), 100);
