/* Planted bugs: each place where PLANTED(n) stands can be built wrong on purpose, with -DPLANT_n=1,
 * so that the auditor (tests/checkers/audit.py) can be shown to catch it.
 * tests/system/plant_test.py compiles the files concerned once more and says what each number is.
 * In every other build PLANTED(n) is the constant 0 and leaves nothing behind. */
#pragma once

/* With PLANT_n defined as 1 the first argument below becomes "0," and so 1 the second. */
#define PLANT_SHIFT_1 0,
#define PLANT_SECOND(first, second, ...) second
#define PLANT_CHOOSE(shift) PLANT_SECOND(shift 1, 0, 0)
#define PLANT_PASTE(value) PLANT_CHOOSE(PLANT_SHIFT_##value)
#define PLANT_EXPAND(value) PLANT_PASTE(value)

#define PLANTED(n) PLANT_EXPAND(PLANT_##n)
