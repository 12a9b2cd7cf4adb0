// Asks for one variable after the other.
for (const word of ['SESSION', 'COOKIE', 'JWT', 'CSRF'])
  if (!process.env[word + '_SECRET']) throw new Error(word + '_SECRET is not set');
