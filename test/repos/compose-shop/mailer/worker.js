const url = `http://${process.env.API_HOST}:${process.env.API_PORT}/goods`;
const work = async () => {
  const { goods } = await (await fetch(url)).json();
  console.log(`mailed about ${goods.length} goods`);
};
work();
setInterval(work, 1_000);
