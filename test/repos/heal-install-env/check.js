for (const name of [['GREETING', 'WORD'].join('_'), ['SESSION', 'SECRET'].join('_')])
  if (!process.env[name]) throw new Error(name + ' is not set');
