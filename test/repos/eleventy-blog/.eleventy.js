module.exports = () => ({
  dir: { output: 'public_html' },
});
