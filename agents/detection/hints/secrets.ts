/** What must not be printed, and what is no value at all: the one place that decides it by name and look. */

const secretWord =
  /(?:^|_)(?:SECRETS?|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|TOKEN|CREDENTIALS?|SALT|PEPPER|(?:API|APP|PRIVATE|ACCESS|SIGNING|ENCRYPTION|MASTER|SESSION|COOKIE|AUTH|SERVICE|SECRET|JWT)_?KEYS?|APIKEY|KEY)(?:_(?:BASE|VALUE|ID_SECRET|[0-9]+))?$/;
const secretStart = /^(?:JWT_SECRET|SECRET_KEY|SECRET_KEY_BASE|APP_SECRET|SESSION_SECRET|COOKIE_SECRET)/;
/** Keys that browsers are given, and settings about secrets that are none themselves. */
const openWord =
  /PUBLIC|PUBLISHABLE|(?:^|_)(?:TTL|EXPIRES?(?:_IN)?|EXPIRY|LENGTH|ROUNDS|PREFIX|NAME|HEADER|URL|PATH|FILE|ID)$|^PWD$|_TOKENS$/;
/** Names the bundlers bake into pages: whatever they hold is public. */
const bakedIn = /^(?:NEXT_PUBLIC_|VITE_|REACT_APP_|NUXT_PUBLIC_|GATSBY_|PUBLIC_|EXPO_PUBLIC_|VUE_APP_)/;

/** Whether a URL carries a password of its own. */
const carriesPassword = (value: string): boolean => /^[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i.test(value);

/** Whether a variable's value should never be printed: by its name, or because the value is a URL with a password. */
export function isSecret(name: string, value: string | null): boolean {
  if (value !== null && carriesPassword(value)) return true;
  const upper = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
  if (bakedIn.test(upper) || openWord.test(upper)) return false;
  return secretWord.test(upper) || secretStart.test(upper);
}

const filler =
  /^(?:<.*>|\[.*\]|x{3,}|\.{3,}|\*{3,}|-{3,}|your[-_ ].*|.*[-_ ](?:here|goes[-_ ]here)|(?:sk|pk|rk)[-_](?:\w+_)?(?:x+|\.+)|replace[-_ ]?(?:me|this)?.*|todo|tbd|fill[-_ ]?me.*|insert[-_ ].*|put[-_ ].*|enter[-_ ].*|example[-_ ]?(?:key|token|secret))$/i;
const weakSecret =
  /^(?:change[-_ ]?(?:me|this|it)?.*|secret|supersecret|password|mysecret|my[-_ ]secret.*|some[-_ ]?(?:long[-_ ])?secret.*|random.*)$/i;

/**
 * Whether an example's value only marks the spot (`your-key-here`, `<token>`, `xxx`).
 * @param secret for a secret also words such as `changeme` mark a spot.
 */
export const isPlaceholder = (value: string, secret: boolean): boolean =>
  filler.test(value.trim()) || (secret && weakSecret.test(value.trim()));
