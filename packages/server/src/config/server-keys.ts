/**
 * The keys of the process, each declared once. Names and meanings are Kafka's where Kafka has one; keys of our own
 * say so in their text. Server-wide values of topic configuration are declared with the topics' keys and join here.
 */
import { booleanKey, enumKey, intKey, listKey, longKey, optionalStringKey } from '@millrace/metadata'

const INT_MAX = 2 ** 31 - 1
const DAY_MS = 86_400_000

export const identityKeys = {
  'node.id': intKey({
    default: 1,
    min: 0,
    max: INT_MAX,
    text: 'Number of this node, unique in its cluster over brokers and controllers. Written into the data folder at the first start, and checked at every later one.',
  }),
  'cluster.id': optionalStringKey({
    text: 'Id of the cluster, 22 characters as `kafka-storage random-uuid` prints them. Not set: derived from `controller.quorum.voters`, or chosen at random without voters, at the first start; then kept in the data folder. Set it where a cluster began with other voters than are configured now. (ours)',
  }),
  'broker.rack': optionalStringKey({ text: 'Where this broker stands, such as an availability zone.' }),
  'log.dirs': listKey({
    default: ['./data'],
    text: 'Folder of all data, made when missing. Exactly one; relative to where the process was started. Also written `log.dir` or `data.dir`.',
  }),
}

export const networkKeys = {
  listeners: listKey({
    default: ['PLAINTEXT://127.0.0.1:9092'],
    text: 'Where clients connect, both wires on one port: `PLAINTEXT://HOST:PORT`, or `HOST:PORT` for short. Port 0 chooses a free one. Several, each under a name of its own such as `INTERNAL://HOST:PORT`, are for clients that have to be told different addresses (`advertised.listeners`). A process that is only a controller has one listener too, for controllers and brokers, and by default it is where `controller.quorum.voters` says; one that is both has `CONTROLLER://HOST:PORT` beside that of the broker, unless it is alone. Other machines can connect only to a host that is not loopback, which needs `allow.insecure`.',
  }),
  'advertised.listeners': listKey({
    default: [],
    text: 'What clients, and with `CONTROLLER://` other nodes, are told to connect to, by the names of `listeners`: whoever came in by a listener is told the addresses of the same name of all brokers. Empty: the address at which each client came in, which is right unless something translates addresses in between; other brokers name the host of `listeners`, or the name of its machine where that is all addresses, such as 0.0.0.0.',
  }),
  'listener.security.protocol.map': listKey({
    default: [],
    text: 'Security protocol of listeners that are not called after one, as `NAME:PROTOCOL`. There is only PLAINTEXT yet. `CONTROLLER` is PLAINTEXT unless it is said otherwise.',
  }),
  'inter.broker.listener.name': optionalStringKey({
    text: 'The listener by which other nodes come in; they name it to each other. Not set: the only one, or PLAINTEXT.',
  }),
  'allow.insecure': booleanKey({
    default: false,
    text: 'Allows `listeners` that other machines can reach although nothing is encrypted and nobody has to log in. (ours)',
  }),
  'max.connections': intKey({
    default: 10_000,
    min: 1,
    max: INT_MAX,
    text: 'Connections at a time, for each shard; one more is closed at once.',
  }),
  'max.connections.per.ip': intKey({
    default: 10_000,
    min: 1,
    max: INT_MAX,
    text: 'Connections at a time from one address, for each shard.',
  }),
  'connections.max.idle.ms': longKey({
    default: 600_000,
    min: 1,
    max: INT_MAX,
    unit: 'ms',
    text: 'A connection without requests for this long is closed.',
  }),
  'connection.handshake.timeout.ms': longKey({
    default: 10_000,
    min: 1,
    max: INT_MAX,
    unit: 'ms',
    text: 'A new connection that has not sent its first complete request within this time is closed. (ours)',
  }),
  'request.receive.timeout.ms': longKey({
    default: 30_000,
    min: 1,
    max: INT_MAX,
    unit: 'ms',
    text: 'A request must have arrived completely within this time after its first byte, or its connection is closed. (ours)',
  }),
  'socket.request.max.bytes': intKey({
    default: 104_857_600,
    min: 1024,
    max: INT_MAX,
    unit: 'bytes',
    text: 'Largest request; a longer one closes its connection before anything is allocated for it.',
  }),
  'queued.max.request.bytes': longKey({
    default: 134_217_728,
    min: 65_536,
    unit: 'bytes',
    text: 'Bytes of requests that may be arriving at a time, for each shard; at more, connections are not read until others are done.',
  }),
  'connection.requests.max': intKey({
    default: 256,
    min: 1,
    max: 100_000,
    text: 'Requests of one connection that may be under way; at more, the broker stops reading from it. (ours)',
  }),
  'connection.output.max.bytes': intKey({
    default: 8_388_608,
    min: 65_536,
    unit: 'bytes',
    text: 'Bytes of answers that a client has not taken yet; at more, the broker stops reading from its connection. (ours)',
  }),
  'fetch.max.bytes': intKey({
    default: 57_671_680,
    min: 1024,
    max: INT_MAX,
    unit: 'bytes',
    text: 'Upper bound of the records in one fetch response, whatever the client asks for. A single larger batch is still answered.',
  }),
}

export const topicCreationKeys = {
  'auto.create.topics.enable': booleanKey({
    default: true,
    text: 'Asking for the metadata of a topic that does not exist creates it, where the request allows that too.',
  }),
  'num.partitions': intKey({
    default: 1,
    min: 1,
    max: INT_MAX,
    text: 'Partitions of a topic whose creator leaves the number open.',
  }),
  'default.replication.factor': intKey({
    default: 1,
    min: 1,
    max: 32_767,
    text: 'Replicas of a topic whose creator leaves the number open.',
  }),
  'auto.create.timeout.ms': longKey({
    default: 5000,
    min: 0,
    max: INT_MAX,
    unit: 'ms',
    text: 'How long a metadata request waits for the topics that it creates. (ours)',
  }),
}

export const housekeepingKeys = {
  'replica.lag.time.max.ms': longKey({
    default: 10_000,
    min: 1,
    max: INT_MAX,
    unit: 'ms',
    text: 'A follower that has not been at the end of the log for so long leaves the ISR. One whose broker is gone leaves it as soon as that is fenced.',
  }),
  'producer.id.expiration.ms': intKey({
    default: 86_400_000,
    min: 1,
    unit: 'ms',
    text: 'How long a partition remembers an idempotent producer that sends nothing: a batch that it sends once more after that is stored again.',
  }),
  'log.flush.offset.checkpoint.interval.ms': intKey({
    default: 60_000,
    min: 1,
    unit: 'ms',
    text: 'How often recovery points and log start offsets are written down. What lies above them is scanned after a crash, and damage there is taken for a torn write. They are written together with high watermarks, as often as the more frequent of the two.',
  }),
  'replica.high.watermark.checkpoint.interval.ms': longKey({
    default: 5000,
    min: 1,
    max: INT_MAX,
    unit: 'ms',
    text: 'How often high watermarks are written down, and with them recovery points and log start offsets. Nothing is written while none of them changes.',
  }),
  'log.retention.check.interval.ms': longKey({
    default: 300_000,
    min: 1,
    max: INT_MAX,
    unit: 'ms',
    text: 'How often segments are checked against retention.',
  }),
}

export const resourceKeys = {
  shards: intKey({
    default: -1,
    min: -1,
    max: 1024,
    text: 'Worker threads that own connections and partitions. -1: one less than the machine has cores, at least one. 0: none, all on the main thread. (ours)',
  }),
  'codec.threads': intKey({
    default: 1,
    min: 0,
    max: 1024,
    text: 'Most threads that validate large compressed batches; started when needed. 0: done by the shards themselves. (ours)',
  }),
  'num.recovery.threads.per.data.dir': intKey({
    default: 2,
    min: 0,
    max: 1024,
    text: 'Most threads that scan logs after a crash. 0: scanned by the shards themselves.',
  }),
  'codec.inline.max.bytes': intKey({
    default: 65_536,
    min: 0,
    max: INT_MAX,
    unit: 'bytes',
    text: 'Compressed batches up to this size are validated where they arrive, larger ones on a codec thread. (ours)',
  }),
  'buffer.pool.max.bytes': longKey({
    default: 33_554_432,
    min: 1_048_576,
    unit: 'bytes',
    text: 'Memory that a shard keeps for responses and does not give back in between. (ours)',
  }),
  'shard.restart.backoff.ms': longKey({
    default: 100,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    text: 'Pause before a shard that died is started again; doubles with each death in a row. (ours)',
  }),
  'shard.restart.backoff.max.ms': longKey({
    default: 10_000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    text: 'Longest such pause. (ours)',
  }),
  'shutdown.drain.timeout.ms': longKey({
    default: 5000,
    min: 0,
    max: INT_MAX,
    unit: 'ms',
    text: 'How long a stopping broker lets requests under way finish before it closes their connections. (ours)',
  }),
}

export const loggingKeys = {
  'logging.level': enumKey({
    values: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    text: 'Least important lines that are printed. (ours)',
  }),
  'logging.format': enumKey({
    values: ['auto', 'human', 'json'],
    default: 'auto',
    text: '`auto`: readable lines on a terminal, JSON otherwise. (ours)',
  }),
}
