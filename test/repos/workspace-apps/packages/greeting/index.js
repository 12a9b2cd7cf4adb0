module.exports = (who) => `Hello from ${who}`;
