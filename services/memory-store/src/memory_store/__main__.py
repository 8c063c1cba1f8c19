from memory_store.main import main

main()
