import { OutboxFloor, type OutboxLook } from './outbox-floor.js';

/** A look that is asked and answered before anybody else asks. */
const looks = (floor: OutboxFloor, of: Partial<OutboxLook>): void => floor.saw(floor.known, look(of), 10);

const look = (of: Partial<OutboxLook>): OutboxLook => ({
  placed: 0,
  reached: null,
  last: '0',
  next: '100',
  over: true,
  ...of,
});

describe('the floor of the outbox', () => {
  it('passes over numbers that were drawn before a look whose transactions have all ended', () => {
    const floor = new OutboxFloor();
    looks(floor, { placed: 3, reached: '7', last: '9', next: '100' });
    expect([floor.known.from, floor.known.next]).toEqual(['0', '0']);
    // From here on it is known that 9 was drawn before transaction 120 began.
    looks(floor, { placed: 2, reached: '9', last: '12', next: '120' });
    expect([floor.known.from, floor.known.next]).toEqual(['0', '120']);
    looks(floor, { last: '15', next: '130', over: false });
    expect([floor.known.from, floor.known.next]).toEqual(['0', '120']);
    looks(floor, { last: '20', next: '140', over: true });
    expect([floor.known.from, floor.known.next]).toEqual(['10', '140']);
  });

  it('goes no further than a look that did not get to the end', () => {
    const floor = new OutboxFloor();
    looks(floor, { last: '90' });
    looks(floor, { last: '95', next: '120' });
    looks(floor, { placed: 10, reached: '30', last: '99' });
    expect(floor.known.from).toBe('31');
  });

  it('goes no further than what had been drawn, although more could be seen', () => {
    const floor = new OutboxFloor();
    looks(floor, { last: '20' });
    looks(floor, { last: '40', next: '120' });
    looks(floor, { placed: 10, reached: '40', last: '41' });
    expect(floor.known.from).toBe('21');
  });

  it('takes answers in any order', () => {
    const floor = new OutboxFloor();
    looks(floor, { last: '20', next: '100' });
    const early = floor.known;
    const late = floor.known;
    floor.saw(late, look({ last: '90', next: '130' }), 10);
    // The transactions before 110 may have drawn less than 90.
    floor.saw(early, look({ last: '40', next: '110' }), 10);
    looks(floor, { last: '95', next: '140' });
    expect(floor.known.from).toBe('21');
  });

  it('begins anew where the numbers are smaller than they were', () => {
    const floor = new OutboxFloor();
    for (let at = 0; at < 3; at++) looks(floor, { last: '50' });
    expect(floor.known.from).toBe('51');
    looks(floor, { last: '20' });
    expect([floor.known.from, floor.known.next]).toEqual(['0', '0']);
  });
});
