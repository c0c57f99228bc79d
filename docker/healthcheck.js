/**
 * Whether the node in this container serves: exit code 0, or 1 and a line that says why not. Runs every few seconds in
 * each container, so it speaks a few bytes of Kafka's wire itself instead of loading a client.
 *
 * A controller must answer. A broker must count itself among the brokers that clients are sent to: one that is fenced,
 * or still recovering its logs, does not.
 */
import { connect } from 'node:net'

const METADATA = { apiKey: 3, version: 1 }
const API_VERSIONS = { apiKey: 18, version: 0 }
const CLIENT_ID = 'healthcheck'
const TIMEOUT_MS = 2500

const listeners = (process.env['MILLRACE_LISTENERS'] ?? 'PLAINTEXT://127.0.0.1:9092').split(',')
const ofClients = listeners.find((listener) => !listener.startsWith('CONTROLLER://'))
const port = Number(/:(\d+)$/.exec((ofClients ?? listeners[0]).trim())?.[1])
const nodeId = Number(process.env['MILLRACE_NODE_ID'] ?? 1)

/**
 * Request header version 1, with correlation id 0.
 * @param {{ apiKey: number, version: number }} api
 * @param {Buffer} body
 */
function frame({ apiKey, version }, body) {
  const head = Buffer.alloc(14)
  head.writeInt32BE(10 + CLIENT_ID.length + body.length, 0)
  head.writeInt16BE(apiKey, 4)
  head.writeInt16BE(version, 6)
  head.writeInt16BE(CLIENT_ID.length, 12)
  return Buffer.concat([head, Buffer.from(CLIENT_ID), body])
}

/**
 * @param {Buffer} request
 * @returns {Promise<Buffer>} the response behind its correlation id
 */
function ask(request) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    let received = Buffer.alloc(0)
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection was closed')))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return
      resolve(received.subarray(8))
      socket.destroy()
    })
  })
}

/**
 * The brokers in a Metadata response of version 1.
 * @param {Buffer} response
 */
function brokerIds(response) {
  const ids = []
  let position = 4
  const skipString = () => (position += 2 + Math.max(0, response.readInt16BE(position)))
  for (let left = response.readInt32BE(0); left > 0; left--) {
    ids.push(response.readInt32BE(position))
    position += 4
    skipString() // host
    position += 4 // port
    skipString() // rack
  }
  return ids
}

try {
  if (ofClients === undefined) {
    await ask(frame(API_VERSIONS, Buffer.alloc(0)))
  } else {
    const noTopics = Buffer.alloc(4)
    const ids = brokerIds(await ask(frame(METADATA, noTopics)))
    if (!ids.includes(nodeId)) throw new Error(`broker ${nodeId} is fenced`)
  }
} catch (error) {
  console.log(error.message)
  process.exitCode = 1
}
