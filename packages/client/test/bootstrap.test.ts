import { ConfigError, formatEndpoint, parseBootstrap } from '@millrace/client'
import { describe, expect, it } from 'vitest'

describe('bootstrap addresses', () => {
  it.each([
    ['127.0.0.1:9092', [{ host: '127.0.0.1', port: 9092 }]],
    [
      'a.example, b.example:19092',
      [
        { host: 'a.example', port: 9092 },
        { host: 'b.example', port: 19_092 },
      ],
    ],
    [
      '[::1]:9093,[fe80::1%eth0]',
      [
        { host: '::1', port: 9093 },
        { host: 'fe80::1%eth0', port: 9092 },
      ],
    ],
    [
      ['one:1', 'two:2,three:3'],
      [
        { host: 'one', port: 1 },
        { host: 'two', port: 2 },
        { host: 'three', port: 3 },
      ],
    ],
  ])('%j is understood', (text, endpoints) => {
    expect(parseBootstrap(text)).toEqual(endpoints)
  })

  it.each([
    ['', /bootstrap is empty/],
    [' , ', /bootstrap is empty/],
    ['::1', /IPv6 in brackets/],
    ['http://host:9092', /write IPv6|write it as host:port/],
    ['host:port', /write it as host:port/],
    ['host:0', /not within 1 to 65535/],
    ['host:65536', /not within 1 to 65535/],
    ['[::1', /brackets/],
  ])('%j is refused with advice', (text, message) => {
    expect(() => parseBootstrap(text)).toThrow(message)
    expect(() => parseBootstrap(text)).toThrow(ConfigError)
  })

  it('are written as they are read', () => {
    for (const text of ['127.0.0.1:9092', '[::1]:9093', 'host.example:1']) {
      expect(formatEndpoint(parseBootstrap(text)[0]!)).toBe(text)
    }
  })
})
