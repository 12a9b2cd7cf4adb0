export default {
  base: '/notes',
};
