// Never ends and says nothing.
setInterval(() => undefined, 1_000);
