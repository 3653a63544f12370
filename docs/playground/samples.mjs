// @ts-check
// Texts to begin with. The English one is from The Wind in the Willows (Kenneth Grahame, 1908), which
// no shipped model or codebook was made of.

/** @type {[name: string, text: string][]} */
export const SAMPLES = [
  [
    "English prose",
    `The Mole had been working very hard all the morning, spring-cleaning his little home. First with brooms, then with dusters; then on ladders and steps and chairs, with a brush and a pail of whitewash; till he had dust in his throat and eyes, and splashes of whitewash all over his black fur, and an aching back and weary arms.

'This is fine!' he said to himself. 'This is better than whitewashing!' The sunshine struck hot on his fur, soft breezes caressed his heated brow, and after the seclusion of the cellarage he had lived in so long the carol of happy birds fell on his dulled hearing almost like a shout.`,
  ],
  [
    "Python",
    `def mean(numbers: list[float]) -> float:
    """The arithmetic mean of some numbers."""
    if not numbers:
        raise ValueError("there must be at least one number")
    return sum(numbers) / len(numbers)


for name, row in sorted(table.items()):
    print(f"{name:>12}: {mean(row):.3f}")
`,
  ],
  [
    "German",
    `Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.`,
  ],
  [
    "Russian",
    `Все люди рождаются свободными и равными в своём достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.`,
  ],
  [
    "Japanese",
    `すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。`,
  ],
  [
    "Arabic",
    `يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق، وقد وهبوا عقلًا وضميرًا.`,
  ],
  [
    "JSON",
    `[
\t{"id": 1, "name": "Ada", "tags": ["math", "poetry"], "born": 1815},
\t{"id": 2, "name": "Grace", "tags": ["navy", "compilers"], "born": 1906}
]
`,
  ],
];
