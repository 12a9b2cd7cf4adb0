console.log(`${process.argv[2]} waits for ${process.env.QUEUE} with ${process.env.PATIENCE} patience`);
setInterval(() => {}, 1_000);
