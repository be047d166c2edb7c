"""Operations: how a block is put to use, and how the setting of that is looked for."""
