import { mkdtempSync } from 'node:fs'
import { nodeEnv, stderrLog } from '@millrace/base/node'
import { LogDirectory } from '@millrace/storage'
import { createBroker } from '/work/main/packages/broker/src/index.ts'
import { LocalMetadata } from '/work/main/packages/broker/test/support/local-metadata.ts'
import { testConfig } from '/work/main/packages/broker/test/support/config.ts'

const dir = process.env.DIR ?? mkdtempSync('/tmp/mr-smoke-')
const shards = Number(process.env.SHARDS ?? 0)
const env = nodeEnv({ log: stderrLog() })
const directory = await new Promise<LogDirectory>((res, rej) => LogDirectory.open({ disk: env.disk, clock: env.clock, path: dir, log: env.log }, (e, d) => e ? rej(e) : res(d!)))
const metadata = new LocalMetadata()
const config = testConfig(dir, { shards, listener: { host: '127.0.0.1', port: Number(process.env.PORT ?? 19092), advertisedHost: null, advertisedPort: null }, staticEntries: new Map([['log.flush.policy', process.env.FLUSH ?? 'commit']]), jobThreads: { codec: 1, maintenance: 1 } })
const broker = createBroker(env, config, { metadata, controller: metadata, directory })
metadata.createTopic('t', Number(process.env.PARTS ?? 2))
console.log('listening', await broker.start(), dir, process.pid)
process.on('SIGTERM', () => broker.stop().then(() => process.exit(0)))
