/** A port on which nobody listens, found by listening there for a moment. */
import { type Endpoint, type Net, NetError } from '@millrace/base'

/** @returns the port asked for, or one that the system chose for 0. @throws NetError when it is in use */
export function freePort(net: Net, { host, port }: Endpoint): Promise<number> {
  return new Promise((resolve, reject) => {
    const closer = net.listen(
      { host, port },
      {
        onReady: (bound) => closer.close(() => resolve(bound.port)),
        onError: ({ code, message }) => reject(new NetError(code, message, { host, port })),
        onConnection(conn) {
          conn.destroy()
          return { onData() {}, onClose() {} }
        },
      },
    )
  })
}
