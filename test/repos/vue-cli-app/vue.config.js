module.exports = {
  outputDir: 'site',
};
