import { expect, test } from 'vitest'
import { formatEndpoint, isLoopback, parseListener } from '../src/listener.ts'

test.each([
  ['PLAINTEXT://127.0.0.1:9092', { name: 'PLAINTEXT', host: '127.0.0.1', port: 9092 }],
  ['127.0.0.1:0', { name: null, host: '127.0.0.1', port: 0 }],
  ['plaintext://broker-1.example:19092', { name: 'PLAINTEXT', host: 'broker-1.example', port: 19092 }],
  ['[::1]:9092', { name: null, host: '::1', port: 9092 }],
  ['PLAINTEXT://:9092', { name: 'PLAINTEXT', host: '0.0.0.0', port: 9092 }],
  ['host_2://127.0.0.1:9094', { name: 'HOST_2', host: '127.0.0.1', port: 9094 }],
  ['CONTROLLER://127.0.0.1:9093', { name: 'CONTROLLER', host: '127.0.0.1', port: 9093 }],
])('%s is read', (text, endpoint) => {
  expect(parseListener(text)).toEqual(endpoint)
})

test.each([
  ['9092', 'is not HOST:PORT'],
  ['127.0.0.1:70000', 'at most 65535'],
  ['::1:9092', 'is not HOST:PORT'],
])('%s is refused with a reason', (text, reason) => {
  expect(parseListener(text)).toEqual({ problem: expect.stringContaining(reason) })
})

test('an IPv6 address is printed in brackets', () => {
  expect(formatEndpoint({ host: '::1', port: 1 })).toBe('[::1]:1')
  expect(formatEndpoint({ host: '10.0.0.1', port: 1 })).toBe('10.0.0.1:1')
})

test('only addresses of this machine count as loopback', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].map(isLoopback)).toEqual([true, true, true, true])
  expect(['0.0.0.0', '::', '10.0.0.1', '127.evil.example', ''].map(isLoopback)).not.toContain(true)
})
