import { isPrivateAddress, pinned, publicAddresses } from './remote-address.js';

describe('private addresses', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fec0::1',
    'feff::1',
    '::7f00:1',
    '::10.0.0.1',
    '::101:101',
    '::ffff:0:7f00:1',
    '::ffff:0:10.0.0.1',
    '::ffff:169.254.169.254',
    'localhost',
    '',
  ])('%s is one', (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  it.each(['1.1.1.1', '172.32.0.1', '172.15.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:1.1.1.1'])(
    '%s is none',
    (address) => {
      expect(isPrivateAddress(address)).toBe(false);
    },
  );
});

describe('the addresses of a URL', () => {
  const resolve =
    (...addresses: string[]) =>
    () =>
      Promise.resolve(addresses);

  it('are refused when one of several is private', async () => {
    await expect(publicAddresses('https://a.example/x', resolve('1.1.1.1', '10.0.0.1'))).rejects.toMatchObject({
      code: 'git/address-refused',
    });
  });

  it.each([
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://0x7f.1/x',
    'https://2130706433/x',
    'ssh://git@127.0.0.1/x',
  ])('are refused for %s without a question to anybody', async (url) => {
    const asked = () => Promise.reject(new Error('asked'));
    await expect(publicAddresses(url, asked)).rejects.toMatchObject({ code: 'git/address-refused' });
  });

  it('are what git is bound to, without redirects', async () => {
    const addresses = await publicAddresses('https://a.example:8443/x', resolve('1.1.1.1', '2606:4700::1111'));
    expect(pinned('https://a.example:8443/x', addresses)).toEqual({
      'http.followRedirects': 'false',
      'http.curloptResolve': 'a.example:8443:1.1.1.1,[2606:4700::1111]',
    });
  });
});
