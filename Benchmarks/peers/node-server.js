// A bare Node peer of the NestJS TCP wire: JSON.parse, JSON.stringify, one write per read burst. It answers
// {"cmd":"get-booking"} with the same reply as `rookery conformance`.
// usage: node node-server.js PORT
'use strict';
const net = require('node:net');
const { StringDecoder } = require('node:string_decoder');

const NO_HANDLER = 'There is no matching message handler defined in the remote service.';

function getBooking(data) {
  return {
    id: data.id, status: 'confirmed', petName: 'Zofie', vendorId: 7,
    startsAt: new Date(Date.UTC(2026, 0, 1, 10)), total: 42.5, notes: null,
  };
}

function answer(packet) {
  if (packet.id === undefined) return '';
  const reply = packet.pattern && packet.pattern.cmd === 'get-booking'
    ? { response: getBooking(packet.data), isDisposed: true, id: packet.id }
    : { id: packet.id, status: 'error', err: NO_HANDLER };
  const text = JSON.stringify(reply);
  return `${text.length}#${text}`;
}

const server = net.createServer({ noDelay: true }, (socket) => {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    rest += decoder.write(bytes);
    let out = '';
    let at = 0;
    for (;;) {
      const hash = rest.indexOf('#', at);
      if (hash < 0) break;
      const end = hash + 1 + Number(rest.slice(at, hash));
      if (rest.length < end) break;
      out += answer(JSON.parse(rest.slice(hash + 1, end)));
      at = end;
    }
    rest = rest.slice(at);
    if (out) socket.write(out);
  });
});
server.listen(Number(process.argv[2] || 4020), '127.0.0.1', () => console.log('listening'));
