// A real OpenID provider on this machine, for tests of signing in: `node provider.mjs '{"clients": [...], ...}'`.
// It says on stdout where it listens. Its pages are its own, so that a browser asks nobody else for anything.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const given = JSON.parse(process.argv[2]);
const server = createServer();
await new Promise((done) => server.listen(given.port ?? 0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: given.clients,
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email', 'email_verified'] },
  // As the standard has it, what scopes ask for is told at the userinfo address alone; many providers sign it, too.
  conformIdTokenClaims: given.apart ?? false,
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  cookies: { keys: ['of a test'] },
  ttl: { AccessToken: 60, AuthorizationCode: 60, IdToken: 300, Interaction: 300, Grant: 300, Session: 3600 },
  async findAccount(_context, id) {
    return { accountId: id, claims: async () => ({ sub: id, ...given.people[id] }) };
  },
});

const page = (body) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A test's provider</title></head>
<body><main>${body}</main></body></html>`;

const read = async (request) => {
  let text = '';
  for await (const piece of request) text += piece;
  return new URLSearchParams(text);
};

const interact = async (request, response) => {
  const { uid, prompt, params, grantId, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'consent') {
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    const result = { consent: { grantId: await grant.save() } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  }
  if (request.method === 'POST') {
    const form = await read(request);
    const result = form.has('refuse')
      ? { error: 'access_denied', error_description: 'the person said no' }
      : { login: { accountId: form.get('login') } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page(`<h1>Who are you?</h1><form method="post" action="/interaction/${uid}">
    <label>Name <input name="login"></label> <button>Go on</button> <button name="refuse" value="1">No</button></form>`));
};

const answer = provider.callback();
server.on('request', (request, response) => {
  if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((error) => {
      response.statusCode = 400;
      response.end(String(error));
    });
  } else {
    answer(request, response);
  }
});
process.stdout.write(`${issuer}\n`);
