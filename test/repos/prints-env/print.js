// Tells its whole environment.
console.log(JSON.stringify(process.env));
