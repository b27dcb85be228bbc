// What a person needs to know when everything runs.

/**
 * @param {{ url: string, seconds: string, mockLogin: boolean, database: string, dataDirectory: string }} facts
 */
export function welcome({ url, seconds, mockLogin, database, dataDirectory }) {
  return `
─────────────────────────────────────────────────────────────────────
Miyabi is ready (${seconds} s).

  API          ${url}/api/v1
  Swagger UI   ${url}/api/docs
  OpenAPI      ${url}/api/openapi.json
  Health       ${url}/api/v1/health

${mockLogin ? signIn(url) : 'Mock login is off: it needs HOST=127.0.0.1 and not MOCK_LOGIN=off. GitHub login needs GITHUB_CLIENT_ID (README).'}

  Data         ${dataDirectory} (remove it to start afresh)
  Database     ${database}

Changes of the source are compiled and loaded. Ctrl-C stops everything.
─────────────────────────────────────────────────────────────────────
`;
}

function signIn(url) {
  return `Sign in (here, for development, without GitHub):

  TOKEN=$(curl -s ${url}/api/v1/auth/mock -H 'Content-Type: application/json' \\
    -d '{"github_id": 1, "email": "you@example.com", "name": "You"}' |
    node -p 'JSON.parse(require("fs").readFileSync(0)).access_token')

Try a task in this repository, which is registered for who signs in first; the local worker does it at once:

  REPOSITORY=$(curl -s ${url}/api/v1/repositories -H "Authorization: Bearer $TOKEN" |
    node -p 'JSON.parse(require("fs").readFileSync(0)).items[0].id')
  curl -s ${url}/api/v1/tasks -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -d '{"name": "Say hello", "description": "A first note.", "agent_type": "note", "repository_id": "'$REPOSITORY'"}'
  curl -s "${url}/api/v1/logs?limit=1" -H "Authorization: Bearer $TOKEN"`;
}
