// The request that a draft is, as programs send it.
const indented = (value: unknown) => JSON.stringify(value, null, 2);

interface Simple {
  from: unknown;
  to: unknown;
  message: unknown;
}

export function program(language: string, path: string, body: unknown, isDispatch: boolean): string {
  if (language === "node") return node(body, isDispatch);
  if (language === "python") return python(path, body);
  const text = indented(body).replaceAll("'", "'\\''");
  return `curl -u KEY:SECRET ${location.origin}${path} \\\n  -H 'Content-Type: application/json' -d '\n${text}'`;
}

function node(body: unknown, isDispatch: boolean): string {
  const { hostname, port } = location;
  const start = `const Nexmo = require("nexmo"); // 2.7.0-beta-1
const nexmo = new Nexmo({ apiKey, apiSecret, applicationId, privateKey },
  { apiHost: "${hostname}", restHost: "${hostname}"${port ? `, port: ${port}` : ""} });
`;
  if (isDispatch) {
    const { workflow } = body as { workflow: unknown };
    return `${start}nexmo.dispatch.create("failover", ${indented(workflow)},\n  (error, data) => console.log(error ?? data));`;
  }
  const { to, from, message } = body as Simple;
  return `${start}nexmo.channel.send(\n${indented(to)},\n${indented(from)},\n${indented(message)},\n  (error, data) => console.log(error ?? data));`;
}

function python(path: string, body: unknown): string {
  const text = indented(body).replaceAll("\\", "\\\\").replaceAll('"""', '\\"\\"\\"');
  return `import json
import urllib.request, base64

body = json.loads("""${text}""")
request = urllib.request.Request(
    "${location.origin}${path}",
    json.dumps(body).encode(),
    {"Content-Type": "application/json",
     "Authorization": "Basic " + base64.b64encode(b"KEY:SECRET").decode()},
)
print(urllib.request.urlopen(request).read().decode())`;
}
