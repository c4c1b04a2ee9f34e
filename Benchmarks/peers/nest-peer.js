// A peer that frames messages and uses `serializer`, `deserializer` and `tlsOptions` as NestJS's ClientTCP and ServerTCP
// do, for the code of docs/nest.md.
// usage: node nest-peer.js caller OPTIONS PATTERN DATA   prints the reply, or the error, as JSON
//        node nest-peer.js callee OPTIONS                serves {"cmd":"double"} and {"cmd":"greet"}, and prints its port
// OPTIONS is JSON: {code, host, port, key, keyring, name, ca, cert, certKey, servername, fields: {code, keys, names}}
'use strict';
const net = require('node:net');
const tls = require('node:tls');
const { readFileSync } = require('node:fs');

const [mode, text, pattern, data] = process.argv.slice(2);
const options = JSON.parse(text);
const { ServiceKeySerializer, ServiceKeyDeserializer } = require(options.code);
const fields = options.fields && require(options.fields.code);
const fieldKeys = options.fields && JSON.parse(readFileSync(options.fields.keys, 'utf8')).keys;
const open = (value) => (fields ? fields.open(value, fieldKeys) : value);
const seal = (value) => (fields ? fields.seal(value, fieldKeys, options.fields.names) : value);
const read = (path) => path && readFileSync(path);
const tlsOptions = options.ca || options.cert
  ? { ca: read(options.ca), cert: read(options.cert), key: read(options.certKey), servername: options.servername }
  : undefined;

// As Nest's JsonSocket: the length counts the characters of JavaScript strings.
function send(socket, message) {
  const json = JSON.stringify(message);
  socket.write(`${json.length}#${json}`);
}
function receive(socket, take) {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (part) => {
    rest += part;
    for (let hash = rest.indexOf('#'); hash > 0; hash = rest.indexOf('#')) {
      const end = hash + 1 + Number(rest.slice(0, hash));
      if (rest.length < end) return;
      const message = JSON.parse(rest.slice(hash + 1, end));
      rest = rest.slice(end);
      take(message);
    }
  });
}

if (mode === 'caller') {
  const serializer = options.key ? new ServiceKeySerializer(options.key) : { serialize: (packet) => packet };
  const to = { host: options.host ?? '127.0.0.1', port: options.port };
  const socket = tlsOptions ? tls.connect({ ...to, ...tlsOptions }) : net.connect(to);
  const fail = (error) => { console.log(JSON.stringify({ failed: error.code ?? error.message })); process.exit(1); };
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('closed')));
  socket.on(tlsOptions ? 'secureConnect' : 'connect', () =>
    send(socket, serializer.serialize({ pattern: JSON.parse(pattern), data: seal(JSON.parse(data)), id: '1' })));
  receive(socket, ({ err, response, isDisposed }) => {
    if (!err && !isDisposed) return;
    console.log(JSON.stringify(err ? { err } : { response: open(response), raw: fields && response }));
    process.exit(0);
  });
} else {
  const deserializer = new ServiceKeyDeserializer(options.keyring, options.name);
  const serve = (socket) => {
    socket.on('error', () => socket.destroy());
    receive(socket, (raw) => {
      const packet = deserializer.deserialize(raw);
      if (packet.id === undefined) return;
      if (packet.pattern?.cmd === 'greet') {
        const response = seal({ name: `Dear ${open(packet.data).name}` });
        return send(socket, { response, isDisposed: true, id: packet.id });
      }
      if (packet.pattern?.cmd !== 'double') {
        const err = 'There is no matching message handler defined in the remote service.';
        return send(socket, { id: packet.id, status: 'error', err });
      }
      send(socket, { response: { twice: 2 * packet.data, metadata: packet.metadata }, isDisposed: true, id: packet.id });
    });
  };
  const server = tlsOptions ? tls.createServer(tlsOptions, serve) : net.createServer(serve);
  server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
}
