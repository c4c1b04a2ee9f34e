// A bare Node client of the NestJS TCP wire: JSON.stringify, JSON.parse, one write per burst of calls, a promise per call.
// Keeps IN_FLIGHT calls under way on one connection and prints rate and percentiles as one line of JSON.
// usage: node node-client.js PORT IN_FLIGHT SECONDS
'use strict';
const net = require('node:net');
const { StringDecoder } = require('node:string_decoder');

const [port, inFlight, seconds] = process.argv.slice(2).map(Number);
const pending = new Map();
let lastId = 0;
let out = '';
let rest = '';

const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
const decoder = new StringDecoder('utf8');

function flush() {
  const text = out;
  out = '';
  socket.write(text);
}

function call(pattern, data) {
  return new Promise((resolve, reject) => {
    const id = String(++lastId);
    pending.set(id, { resolve, reject });
    const text = JSON.stringify({ pattern, data, id });
    if (!out) setImmediate(flush);
    out += `${text.length}#${text}`;
  });
}

socket.on('data', (bytes) => {
  rest += decoder.write(bytes);
  let at = 0;
  for (;;) {
    const hash = rest.indexOf('#', at);
    if (hash < 0) break;
    const end = hash + 1 + Number(rest.slice(at, hash));
    if (rest.length < end) break;
    const { id, response, err } = JSON.parse(rest.slice(hash + 1, end));
    const entry = pending.get(id);
    pending.delete(id);
    if (err) entry.reject(err);
    else entry.resolve(response);
    at = end;
  }
  rest = rest.slice(at);
});

socket.on('connect', async () => {
  const latencies = new Float64Array(20e6);
  let calls = 0;
  let begin = 0n;
  let end = 0n;
  async function caller() {
    for (;;) {
      const sent = process.hrtime.bigint();
      if (sent >= end) return;
      const reply = await call({ cmd: 'get-booking' }, { id: 1 });
      if (reply.id !== 1) throw new Error('wrong reply');
      if (sent >= begin && calls < latencies.length) latencies[calls++] = Number(process.hrtime.bigint() - sent);
    }
  }
  const start = process.hrtime.bigint();
  begin = start + BigInt(Math.round(seconds * 1e8));
  end = begin + BigInt(Math.round(seconds * 1e9));
  await Promise.all(Array.from({ length: inFlight }, caller));
  const took = Number(process.hrtime.bigint() - begin) / 1e9;
  const sorted = latencies.subarray(0, calls).sort();
  const at = (share) => Math.round(sorted[Math.min(calls - 1, Math.floor(calls * share))] / 100) / 10;
  console.log(JSON.stringify({
    inFlight, calls, rate: Math.round(calls / took), p50_us: at(0.5), p99_us: at(0.99),
  }));
  socket.destroy();
});
