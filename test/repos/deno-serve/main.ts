Deno.serve({ port: Number(Deno.env.get('PORT') ?? 8123) }, () => new Response('hello'));
