/** When a peer counts as gone. Connections are real; what dialling again comes to is scripted. */
import {
  BufferPool,
  nodeId,
  type CloseReason,
  type Conn,
  type ConnEvents,
  type Endpoint,
  type Env,
} from '@millrace/base'
import { nodeEnv, silentLog } from '@millrace/base/node'
import { Server } from '@millrace/net'
import { advertisedVersions } from '@millrace/protocol'
import type { RaftRequest } from '@millrace/raft'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PeerConnection, type PeerOptions } from '../src/peer-connection.ts'

const env = nodeEnv({ log: silentLog })

/** The first dial is a real one; the others end as the script says, the last of it again and again. */
function scripted(outcomes: readonly CloseReason[], dials: CloseReason[]): Env['net'] {
  let isFirst = true
  return {
    listen: (options, handlers) => env.net.listen(options, handlers),
    dial(endpoint: Endpoint, events: ConnEvents): Conn {
      if (isFirst) {
        isFirst = false
        return env.net.dial(endpoint, events)
      }
      const reason = outcomes[Math.min(dials.length, outcomes.length - 1)]!
      dials.push(reason)
      setImmediate(() => events.onClose(reason))
      const nothing = (): void => {}
      const conn = { local: endpoint, remote: endpoint, pendingBytes: 0, write: () => true }
      return { ...conn, pause: nothing, resume: nothing, end: nothing, destroy: nothing }
    },
  }
}

const REQUEST: RaftRequest = {
  kind: 'end-quorum-epoch',
  epoch: 1,
  leaderId: nodeId(1),
  preferredCandidates: [],
}

function optionsOf(net: Env['net'], onGone = (): void => {}): PeerOptions {
  return {
    env: { ...env, net },
    log: silentLog,
    pool: new BufferPool({ maxPooledBytes: 0 }),
    clientId: 'test',
    clusterId: 'cluster',
    requestTimeoutMs: 1000,
    isWatched: () => true,
    onGone,
  }
}

/** Connects, loses the connection, and dials as scripted. @returns the dials until the peer was gone */
async function dialsUntilGone(outcomes: readonly CloseReason[]): Promise<CloseReason[]> {
  const dials: CloseReason[] = []
  const connected = Promise.withResolvers<void>()
  const server = new Server({
    env,
    dispatch: (request, { connection }) => {
      if (request.api === 'ApiVersions') return { apiKeys: advertisedVersions('controller'), nativeWire: 1 }
      connection.close('the process is killed')
      connected.resolve()
      return { errorCode: 0, topics: [] }
    },
  })
  const endpoint = await server.listen({ host: '127.0.0.1', port: 0, name: 'controller' })
  const gone = Promise.withResolvers<void>()
  const peer = new PeerConnection(
    endpoint,
    optionsOf(scripted(outcomes, dials), () => gone.resolve()),
  )
  onTestFinished(async () => {
    peer.close()
    await server.close(0)
  })
  peer.request(REQUEST, () => {})
  await connected.promise
  await gone.promise
  return dials
}

describe('a peer whose connection was lost is gone', () => {
  test('when two dials in a row are refused', async () => {
    expect(await dialsUntilGone(['refused'])).toEqual(['refused', 'refused'])
  })

  test('although its port still accepted for a moment: a process that is killed closes its sockets one by one', async () => {
    expect(await dialsUntilGone(['reset', 'refused'])).toEqual(['reset', 'refused', 'refused'])
    expect(await dialsUntilGone(['refused', 'eof', 'refused'])).toEqual([
      'refused',
      'eof',
      'refused',
      'refused',
    ])
    const slowly = Array.from({ length: 12 }, () => 'reset' as const)
    expect(await dialsUntilGone([...slowly, 'refused'])).toEqual([...slowly, 'refused', 'refused'])
  })
})

test('whatever a dial fails with, who asks is answered that there is no answer', async () => {
  const net: Env['net'] = {
    ...env.net,
    dial: () => {
      throw new RangeError('a port that no machine has')
    },
  }
  const peer = new PeerConnection({ host: '127.0.0.1', port: 70_000 }, optionsOf(net))
  const answer = await new Promise((resolve) => peer.request(REQUEST, resolve))
  expect(answer).toBeNull()
  peer.close()
})

test('who asks while the end of a peer is being looked into need not wait for the outcome', async () => {
  const lost = Promise.withResolvers<void>()
  const answers: unknown[] = []
  const dials: CloseReason[] = []
  const server = new Server({
    env,
    dispatch: (request, { connection }) => {
      if (request.api === 'ApiVersions') return { apiKeys: advertisedVersions('controller'), nativeWire: 1 }
      connection.close('the process is killed')
      return { errorCode: 0, topics: [] }
    },
  })
  const endpoint = await server.listen({ host: '127.0.0.1', port: 0, name: 'controller' })
  const peer = new PeerConnection(endpoint, optionsOf(scripted(['reset'], dials)))
  onTestFinished(async () => {
    peer.close()
    await server.close(0)
  })
  peer.request(REQUEST, () => lost.resolve())
  await lost.promise
  await new Promise<void>((resolve) =>
    peer.request(REQUEST, (answer) => {
      answers.push(answer)
      resolve()
    }),
  )
  expect(answers).toEqual([null])
  expect(dials.length).toBeLessThan(3)
})
