/**
 * What a variable is, by its name: the application's own secret (ours to make up), a third party's key (never invented),
 * a matter of the machine or the runner (not set here), or something with an evident value.
 */

/** Set by whoever starts the application, or belonging to the machine. */
const NOT_OURS = new Set(
  `PORT HOST HOSTNAME NODE_ENV PATH HOME USER LOGNAME SHELL PWD TMPDIR TEMP TMP TERM CI LD_PRELOAD LD_LIBRARY_PATH RR_RUN RR_STEP`.split(
    ' ',
  ),
);
export const isNotOurs = (name: string): boolean => NOT_OURS.has(name);

/** Services of others: whatever bears their name is given by them. */
const THIRD_PARTY = new RegExp(
  `^(?:[A-Z0-9]+_)*(?:${[
    'STRIPE|PAYPAL|BRAINTREE|SQUARE|PADDLE|LEMONSQUEEZY|LEMON_SQUEEZY|RAZORPAY|PAYSTACK|FLUTTERWAVE|MOLLIE|ADYEN|KLARNA|PLAID|COINBASE',
    'OPENAI|AZURE|ANTHROPIC|CLAUDE|GEMINI|COHERE|MISTRAL|GROQ|HUGGINGFACE|HUGGING_FACE|HF|REPLICATE|TOGETHER|PINECONE|LANGCHAIN|LANGSMITH|ELEVENLABS|DEEPSEEK|OPENROUTER|PERPLEXITY|XAI|TAVILY|SERPAPI',
    'AWS|S3|R2|GCP|GCS|GOOGLE|FIREBASE|DIGITALOCEAN|DO_SPACES|CLOUDFLARE|CF|LINODE|HETZNER|VERCEL|NETLIFY|HEROKU|FLY|RAILWAY|BLOB|CLOUDINARY|IMGIX|UPLOADTHING|MUX|IMAGEKIT',
    'GITHUB|GITLAB|BITBUCKET|GH|NPM|ATLASSIAN|JIRA|LINEAR|NOTION|AIRTABLE|TRELLO|ASANA|ZENDESK|INTERCOM|HUBSPOT|SALESFORCE|SHOPIFY|CONTENTFUL|SANITY|PRISMIC|DATOCMS|CONTENTSTACK',
    'SENDGRID|MAILGUN|MAILCHIMP|MAILJET|MANDRILL|POSTMARK|RESEND|SES|BREVO|SENDINBLUE|SPARKPOST|TWILIO|VONAGE|NEXMO|MESSAGEBIRD|PUSHER|ABLY|ONESIGNAL|SLACK|DISCORD|TELEGRAM|WHATSAPP|VAPID|APNS|FCM',
    'FACEBOOK|META|TWITTER|X_API|INSTAGRAM|LINKEDIN|TWITCH|SPOTIFY|YOUTUBE|REDDIT|TIKTOK|APPLE|MICROSOFT|ENTRA|KEYCLOAK|OKTA|AUTH0|CLERK|WORKOS|SUPABASE|STYTCH|KINDE|LOGTO|COGNITO|OIDC|OAUTH|SAML|LDAP',
    'SENTRY|DATADOG|DD|NEWRELIC|NEW_RELIC|LOGTAIL|LOGROCKET|POSTHOG|SEGMENT|MIXPANEL|AMPLITUDE|ROLLBAR|BUGSNAG|HONEYBADGER|HONEYCOMB|PLAUSIBLE|ALGOLIA|MEILISEARCH|TYPESENSE|MAPBOX|HERE|TMDB|OPENWEATHER|OPENWEATHERMAP|WEATHER|NEWS|UNSPLASH|GIPHY',
    'RECAPTCHA|HCAPTCHA|TURNSTILE|UPSTASH|NEON|PLANETSCALE|TURSO|MONGODB_ATLAS|CONVEX|INNGEST|TRIGGER|QSTASH|LIVEBLOCKS|STREAM|AGORA|LIVEKIT|ZOOM|CALENDLY|ALCHEMY|INFURA|ETHERSCAN|WALLETCONNECT|DOCUSIGN|SMTP|EMAIL|MAIL|IMAP',
  ].join('|')})(?:_|$)`,
);
/** Words that only an application's own secrets are made of. */
const OWN_WORDS = new Set(
  `APP APPLICATION SERVER BACKEND SITE WEB DJANGO FLASK RAILS LARAVEL SYMFONY NEXT NEXTAUTH NUXT EXPRESS FASTAPI WTF CSRF XSRF JWT
  SESSION SESSIONS COOKIE COOKIES AUTH BETTER ACCESS REFRESH RESET VERIFICATION CONFIRMATION INVITE TOKEN TOKENS SECRET SECRETS
  KEY KEYS BASE SIGNING SIGNATURE SIGNED ENCRYPTION ENCRYPT CRYPTO CIPHER FERNET FIELD HASH HASHING HMAC SALT PEPPER PASSWORD
  PASS PASSPHRASE PHRASE PAYLOAD CRON REVALIDATE REVALIDATION PREVIEW DRAFT INTERNAL ADMIN SUPERUSER DEFAULT INITIAL MASTER
  TRANSFER API MY USER IRON URL`.split(/\s+/),
);
/** Endings that name an own secret whatever stands before them. */
const OWN_END =
  /(?:^|_)(?:JWT_SECRET(?:_KEY)?|JWT_KEY|SECRET_KEY_BASE|SESSION_(?:SECRET|KEY|PASSWORD)|COOKIE_(?:SECRET|KEY|PASSWORD)|ENCRYPTION_(?:KEY|SECRET)|CSRF_(?:SECRET|KEY)|TOKEN_SALT|PASSWORD_SALT|NEXTAUTH_SECRET|(?:ACCESS|REFRESH)_TOKEN_SECRET)$/;
const OWN_LAST =
  /(?:^|_)(?:SECRETS?|SALT|PEPPER|SECRET_KEY|SECRET_KEYS|SECRET_KEY_BASE|(?:APP|SESSION|COOKIE|JWT|SIGNING|ENCRYPTION|ENCRYPT|CRYPTO|CIPHER|HASH|HMAC|FERNET|MASTER|INTERNAL)_KEYS?|(?:ADMIN|SUPERUSER|SESSION|COOKIE|IRON)_(?:USER_)?(?:PASSWORD|PASS))$/;
/** Of a pair that somebody else gives out, or a key pair that random bytes cannot be. */
const NOT_OWN =
  /^(?:API_SECRET|API_SECRET_KEY|ACCESS_SECRET|ACCESS_KEY_SECRET|ACCESS_TOKEN|AUTH_TOKEN)$|CLIENT_SECRET|WEBHOOK|PRIVATE_KEY|PUBLIC_KEY|(?:^|_)URL$/;
/** Bear a third party's name and are nevertheless the application's own. */
const OWN_DESPITE = new Set([
  'AUTH0_SECRET',
  'OAUTH_STATE_SECRET',
  'OAUTH_COOKIE_SECRET',
  'EMAIL_TOKEN_SECRET',
  'EMAIL_SECRET',
]);

/**
 * Whether a secret is the application's own: random bytes are as good as any.
 * @param also words of the application's own name (`acme` makes ACME_SECRET_KEY its own).
 */
export function isOwnSecret(name: string, also: readonly string[] = []): boolean {
  const upper = upperOf(name);
  if (OWN_DESPITE.has(upper)) return true;
  if (NOT_OWN.test(upper) || THIRD_PARTY.test(upper)) return false;
  if (OWN_END.test(upper)) return true;
  const own = new Set(also.flatMap((word) => word.toUpperCase().split(/[^A-Z0-9]+/)));
  return (
    OWN_LAST.test(upper) && upper.split('_').every((word) => OWN_WORDS.has(word) || own.has(word) || /^\d*$/.test(word))
  );
}
export const isThirdParty = (name: string): boolean => {
  const upper = upperOf(name);
  return !OWN_DESPITE.has(upper) && (THIRD_PARTY.test(upper) || NOT_OWN.test(upper));
};
const upperOf = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();

const SPOT =
  /^(?:<.*>|\[.*\]|\{\{.*\}\}|x{3,}|\.{3,}|…|\*{3,}|-{3,}|_{3,}|(?:my|your|the)[-_ ].*|.*[-_ ](?:here|goes[-_ ]here)|(?:sk|pk|rk|whsec)[-_].*(?:x{3,}|\.{3,}|your.*|\*{3,}|…)|replace[-_ ]?(?:me|this|with)?.*|change[-_ ]?(?:me|this|it)?.*|todo.*|tbd|fixme|fill[-_ ]?(?:me|in).*|insert[-_ ].*|put[-_ ].*|enter[-_ ].*|add[-_ ].*|set[-_ ]me.*|example[-_ ]?(?:key|token|secret)|none|null|undefined|dummy.*|placeholder.*)$/i;
const WEAK =
  /^(?:secret|super[-_ ]?secret.*|password|some[-_ ]?.*|random.*|generate.*|a[-_ ](?:long|random|secret).*|.*(?:secret|key)[-_]?(?:123|key)?|dev.*|test.*|12345.*|abc.*|.{0,5})$/i;
/** Whether a value only marks the spot. @param own for an own secret, weak words do so too. */
export const isPlaceholder = (value: string, own: boolean): boolean =>
  value.trim() === '' || SPOT.test(value.trim()) || (own && WEAK.test(value.trim()));

/** Values that need no one to ask; null: there is none. */
export function evidentValue(name: string, service: string): string | null {
  if (/^(?:APP|SITE|PROJECT|SERVICE)_NAME$/.test(name)) return service;
  if (/^(?:APP_ENV|ENVIRONMENT|FLASK_ENV|RAILS_ENV|RACK_ENV|GO_ENV|DENO_ENV)$/.test(name)) return 'development';
  if (/^(?:LOG_?LEVEL|RUST_LOG)$/.test(name)) return 'info';
  return null;
}
