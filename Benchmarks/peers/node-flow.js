// Flow 2 in bare Node. An HTTP server answers GET /api/products/{id}/availability with three calls over the NestJS TCP
// wire to two services, which keep everything in memory. Each of the three has a process of its own.
// usage: node node-flow.js PORT (the services take the two ports after it)
'use strict';
const http = require('node:http');
const net = require('node:net');
const { fork } = require('node:child_process');
const { StringDecoder } = require('node:string_decoder');

const port = Number(process.argv[2] || 4030);
const role = process.argv[3] || 'gateway';

const products = new Map();
const inventory = new Map();
const vendors = new Map();
for (let id = 9001; id < 9101; id++) {
  products.set(id, {
    id, vendorId: 1, sku: `KIB-${id}`, name: 'Salmon Kibble 2 kg', price: { amountMinor: 2400, currency: 'USD' },
    species: ['dog', 'cat'], status: 'active',
  });
  inventory.set(id, { quantity: 40, reserved: 3, threshold: 5, version: 7 });
}
vendors.set(1, {
  id: 1, userId: 1, businessName: 'Marigold Grooming', type: 'grooming', email: 'marigold@petpro.example',
  timeZone: 'America/Los_Angeles', currency: 'USD', capacity: 2, leadTimeMinutes: 60, horizonDays: 90, status: 'active',
  version: 3,
  services: [1, 2, 3].map((id) => ({
    id, vendorId: 1, name: `Service ${id}`, durationMinutes: 45, price: { amountMinor: 4800, currency: 'USD' },
    species: ['dog', 'cat'], bufferMinutes: 0, active: true,
  })),
  hours: [2, 3, 4, 5, 6].map((weekday) => ({ weekday, open: '09:00', close: '17:00' })),
});

const handlers = {
  product: {
    'get-product': ({ id }) => products.get(id),
    'check-inventory': ({ productId }) => {
      const { quantity, reserved, threshold, version } = inventory.get(productId) || {};
      if (quantity === undefined) return undefined;
      const available = quantity - reserved;
      const status = available <= 0 ? 'out_of_stock' : available <= threshold ? 'low_stock' : 'in_stock';
      return { productId, quantity, reserved, available, status, version, asOf: new Date() };
    },
  },
  vendor: { 'get-vendor-by-id': ({ id }) => vendors.get(id) },
};

// Calls `take` with each packet of a socket, and `end` after each read burst.
function read(socket, take, end) {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  socket.on('data', (bytes) => {
    rest += decoder.write(bytes);
    let at = 0;
    for (;;) {
      const hash = rest.indexOf('#', at);
      if (hash < 0) break;
      const stop = hash + 1 + Number(rest.slice(at, hash));
      if (rest.length < stop) break;
      take(JSON.parse(rest.slice(hash + 1, stop)));
      at = stop;
    }
    rest = rest.slice(at);
    end();
  });
}

function frame(packet) {
  const text = JSON.stringify(packet);
  return `${text.length}#${text}`;
}

function serve(commands, at) {
  net.createServer({ noDelay: true }, (socket) => {
    let out = '';
    socket.on('error', () => socket.destroy());
    read(socket, ({ pattern, data, id }) => {
      const response = commands[pattern.cmd](data);
      out += frame(response === undefined
        ? { id, status: 'error', err: { code: 'NOT_FOUND', message: 'There is no such thing.' } }
        : { response, isDisposed: true, id });
    }, () => {
      socket.write(out);
      out = '';
    });
  }).listen(at, '127.0.0.1', () => process.send('ready'));
}

function connect(at) {
  const pending = new Map();
  let lastId = 0;
  let out = '';
  const socket = net.connect({ port: at, host: '127.0.0.1', noDelay: true });
  read(socket, ({ id, response, err }) => {
    const entry = pending.get(id);
    pending.delete(id);
    if (err) entry.reject(err);
    else entry.resolve(response);
  }, () => {});
  return (cmd, data) => new Promise((resolve, reject) => {
    const id = String(++lastId);
    pending.set(id, { resolve, reject });
    if (!out) {
      setImmediate(() => {
        socket.write(out);
        out = '';
      });
    }
    out += frame({ pattern: { cmd }, data, id });
  });
}

function gateway() {
  const product = connect(port + 1);
  const vendor = connect(port + 2);
  const path = /^\/api\/products\/(\d+)\/availability$/;
  async function availability(id) {
    const found = await product('get-product', { id });
    const stock = await product('check-inventory', { productId: found.id });
    const { businessName, status } = await vendor('get-vendor-by-id', { id: found.vendorId });
    return {
      product: found, available: status === 'active' && stock.available > 0, quantityAvailable: stock.available,
      status: stock.status, vendor: { id: found.vendorId, businessName, status }, asOf: stock.asOf,
      version: stock.version,
    };
  }
  function answer(response, status, body) {
    const text = JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  }
  http.createServer({ keepAlive: true, noDelay: true }, (request, response) => {
    const match = path.exec(request.url);
    if (!match) return answer(response, 404, { code: 'NOT_FOUND' });
    availability(Number(match[1])).then(
      (body) => answer(response, 200, body), (error) => answer(response, 404, error));
  }).listen(port, '127.0.0.1', () => console.log('listening'));
}

if (role === 'gateway') {
  const children = ['product', 'vendor'].map((name) => fork(__filename, [String(port), name]));
  let ready = 0;
  for (const child of children) child.on('message', () => { if (++ready === children.length) gateway(); });
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      for (const child of children) child.kill();
      process.exit(0);
    });
  }
} else {
  serve(handlers[role], port + (role === 'product' ? 1 : 2));
  process.on('disconnect', () => process.exit(0));
}
