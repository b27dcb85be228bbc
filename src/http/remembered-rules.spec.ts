import { getMetadataStorage, IsInt, IsOptional, IsString } from 'class-validator';
import { rememberRules } from './remembered-rules.js';

class Base {
  @IsInt()
  count!: number;
}

class Shape extends Base {
  @IsOptional()
  @IsString()
  name?: string;

  @IsString({ groups: ['some'] })
  other?: string;
}

class Sibling extends Base {
  @IsInt()
  age!: number;
}

const rulesOf = (shape: new () => object, groups?: string[], strict = false) =>
  getMetadataStorage().getTargetValidationMetadatas(shape, undefined as never, false, strict, groups);

const namesOf = (rules: ReturnType<typeof rulesOf>) => rules.map(({ propertyName }) => propertyName).sort();

describe('the rules of a class', () => {
  it('are gathered once, and are those that would be gathered anew', () => {
    const fresh = [Shape, Sibling].map((shape) => rulesOf(shape));
    // Without it each object is looked at as if it were the first of its class.
    expect(rulesOf(Shape)).not.toBe(fresh[0]);
    rememberRules();
    rememberRules();
    expect([Shape, Sibling].map((shape) => rulesOf(shape))).toEqual(fresh);
    expect(rulesOf(Shape)).toBe(rulesOf(Shape));
    expect(namesOf(rulesOf(Sibling))).toEqual(['age', 'count']);
    const storage = getMetadataStorage();
    const grouped = storage.groupByPropertyName(rulesOf(Shape));
    expect(Object.keys(grouped).sort()).toEqual(['count', 'name', 'other']);
    expect(storage.groupByPropertyName(rulesOf(Shape))).toBe(grouped);
  });

  it('are gathered for those who ask for some groups alone', () => {
    rememberRules();
    expect(namesOf(rulesOf(Shape, ['some']))).toEqual(['other']);
    expect(namesOf(rulesOf(Shape, undefined, true))).toEqual(['count', 'name', 'name']);
  });
});
