import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startEmbeddedServer, startServer } from '../src/embedded-server.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-embedded-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function accepts(bootstrap: string): Promise<boolean> {
  const [host, port] = bootstrap.split(':')
  const socket = connect(Number(port), host)
  return await once(socket, 'connect').then(
    () => (socket.destroy(), true),
    () => false,
  )
}

describe('an embedded server', () => {
  test('listens on a port of its own, and takes its folder with it', async () => {
    const server = await startEmbeddedServer()
    expect(await accepts(server.bootstrap)).toBe(true)
    expect(existsSync(join(server.dataDirectory, 'meta.properties'))).toBe(true)
    await server.close()
    await server.close()
    expect(await accepts(server.bootstrap)).toBe(false)
    expect(existsSync(server.dataDirectory)).toBe(false)
  })

  test('keeps a folder that it was given, and who it was', async () => {
    const settings = { 'data.dir': folder, 'node.id': 4 }
    const first = await startEmbeddedServer({ settings })
    await first.close()
    await using second = await startEmbeddedServer({ settings })
    expect([second.dataDirectory, second.nodeId]).toEqual([folder, 4])
    expect(second.clusterId).toBe(first.clusterId)
  })

  test('lives beside others in the same process', async () => {
    await using a = await startEmbeddedServer()
    await using b = await startEmbeddedServer()
    expect(a.bootstrap).not.toBe(b.bootstrap)
    expect(a.clusterId).not.toBe(b.clusterId)
  })
})

describe('a server that cannot start', () => {
  test('gives its folder free again', async () => {
    await using first = await startEmbeddedServer()
    const settings = { 'data.dir': folder, shards: 0, listeners: first.bootstrap }
    await expect(startServer({ settings })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    await using second = await startEmbeddedServer({ settings: { 'data.dir': folder } })
    expect(await accepts(second.bootstrap)).toBe(true)
  })

  test('leaves no folder behind when its settings are wrong', async () => {
    const settings = { 'data.dir': join(folder, 'new'), 'log.segment.bytes': 1 }
    await expect(startServer({ settings })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(existsSync(join(folder, 'new'))).toBe(false)
  })
})
